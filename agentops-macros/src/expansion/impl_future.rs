// #[tool]
// fn fetch(&self, url: String) -> impl Future<Output = Result<Page, Error>> + Send {
//     let request = self.client.get(url);
//     async move { request.send().await }
// }

fn fetch(&self, url: String) -> impl Future<Output = Result<Page, Error>> + Send {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Tool,
            "fetch",
            ::core::module_path!(),
            "fetch",
            &["url"],
            true,
        ),
    );
    let __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&url)).agentops_capture(__agentops_w);
        },
    );
    let mut __agentops_ret = ::agentops::__private::called::<
        Result<Page, Error>,
        _,
    >(
        __agentops_span,
        move || {
            {
                #[allow(clippy::shadow_same)]
                let url = url;
                #[allow(clippy::needless_else)]
                {
                    let request = self.client.get(url);
                    async move { request.send().await }
                }
            }
        },
    );
    return {
        use ::agentops::__private::ladder::*;
        (&mut &mut __agentops_ret)
            .agentops_future(move |__agentops_span, __agentops_ret| ::agentops::__private::finish(
                __agentops_span,
                &mut |__agentops_w| {
                    use ::agentops::__private::ladder::*;
                    match (&&::agentops::__private::Outcome(__agentops_ret))
                        .agentops_outcome()
                    {
                        ::core::result::Result::Ok(__agentops_value) => {
                            (&&&&::agentops::__private::Probe(__agentops_value))
                                .agentops_capture(__agentops_w);
                        }
                        ::core::result::Result::Err(__agentops_error) => {
                            (&&&&&&::agentops::__private::Fault(__agentops_error))
                                .agentops_fault(__agentops_w)
                        }
                    }
                },
            ))
    };
}
