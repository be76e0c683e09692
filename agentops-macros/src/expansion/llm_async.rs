// #[llm(model = "gpt-4o-mini", provider = "openai", skip(key))]
// async fn ask(request: Request, key: &str) -> Result<Response, Error> {
//     client(key).send(request).await
// }

async fn ask(request: Request, key: &str) -> Result<Response, Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Llm,
                "ask",
                ::core::module_path!(),
                "ask",
                &["request"],
                true,
            )
            .model("gpt-4o-mini")
            .provider("openai"),
    );
    let __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&request)).agentops_capture(__agentops_w);
        },
    );
    #[allow(clippy::async_yields_async)]
    let __agentops_future = ::agentops::__private::handing::<
        (),
        _,
    >(
        __agentops_span,
        async move {
            {
                #[allow(unreachable_code)]
                if false {
                    let __agentops_expected: Result<Response, Error> = loop {};
                    return __agentops_expected;
                }
                #[allow(clippy::shadow_same)]
                let request = request;
                #[allow(clippy::needless_else)] { client(key).send(request).await }
            }
        },
    );
    let mut __agentops_ret = __agentops_future.await;
    return {
        use ::agentops::__private::ladder::*;
        (&mut &mut __agentops_ret)
            .agentops_named(
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
                |__agentops_flow, __agentops_item| {
                    use ::agentops::__private::ladder::*;
                    match (&&::agentops::__private::Outcome(__agentops_item))
                        .agentops_outcome()
                    {
                        ::core::result::Result::Ok(__agentops_value) => {
                            ::agentops::__private::keep(
                                __agentops_flow,
                                &mut |__agentops_w| {
                                    (&&&&::agentops::__private::Probe(__agentops_value))
                                        .agentops_capture(__agentops_w)
                                },
                            )
                        }
                        ::core::result::Result::Err(__agentops_error) => {
                            ::agentops::__private::spoil(
                                __agentops_flow,
                                &mut |__agentops_w| {
                                    (&&&&&&::agentops::__private::Fault(__agentops_error))
                                        .agentops_fault(__agentops_w)
                                },
                            )
                        }
                    }
                },
            )
    };
}
