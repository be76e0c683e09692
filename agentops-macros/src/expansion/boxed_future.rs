// #[agent]
// #[tool]
// fn fetch<'a>(&'a self, url: String) -> Pin<Box<dyn Future<Output = Result<Page, Error>> + Send + 'a>> {
//     Box::pin(async move { self.client.get(url).send().await })
// }

#[tool(__agentops_expanded)]
fn fetch<'a>(
    &'a self,
    url: String,
) -> Pin<Box<dyn Future<Output = Result<Page, Error>> + Send + 'a>> {
    static __AGENTOPS_CALLSITE_1: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Agent,
            "fetch",
            ::core::module_path!(),
            "fetch",
            &["url"],
            true,
        ),
    );
    let __agentops_span_1 = ::agentops::__private::start_agent(
        &__AGENTOPS_CALLSITE_1,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&url)).agentops_capture(__agentops_w);
        },
    );
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
    let __agentops_span = ::agentops::__private::within(
        &__agentops_span_1,
        || ::agentops::__private::start(
            &__AGENTOPS_CALLSITE,
            &mut |__agentops_w| {
                use ::agentops::__private::ladder::*;
                (&&&&::agentops::__private::Probe(&url)).agentops_capture(__agentops_w);
            },
        ),
    );
    return Box::pin(
        ::agentops::__private::instrument_with(
            __agentops_span_1,
            ::agentops::__private::instrument_with(
                __agentops_span,
                ::agentops::__private::promised::<
                    Result<Page, Error>,
                    _,
                >(async move { self.client.get(url).send().await }),
                move |__agentops_span, __agentops_ret| ::agentops::__private::finish(
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
                ),
            ),
            move |__agentops_span_1, __agentops_ret| ::agentops::__private::finish(
                __agentops_span_1,
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
            ),
        ),
    );
}
