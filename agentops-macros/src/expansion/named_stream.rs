// #[tool]
// async fn events(&self) -> Result<BoxStream<'static, Event>, Error> {
//     self.subscribe().await
// }

async fn events(&self) -> Result<BoxStream<'static, Event>, Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Tool,
            "events",
            ::core::module_path!(),
            "events",
            &[],
            true,
        ),
    );
    let __agentops_span = ::agentops::__private::start_bare(&__AGENTOPS_CALLSITE);
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
                    let __agentops_expected: Result<BoxStream<'static, Event>, Error> = loop {};
                    return __agentops_expected;
                }
                #[allow(clippy::needless_else)] { self.subscribe().await }
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
                    if let ::core::result::Result::Err(__agentops_error) = (&&::agentops::__private::Outcome(
                        __agentops_item,
                    ))
                        .agentops_outcome()
                    {
                        ::agentops::__private::spoil(
                            __agentops_flow,
                            &mut |__agentops_w| {
                                (&&&&&&::agentops::__private::Fault(__agentops_error))
                                    .agentops_fault(__agentops_w)
                            },
                        );
                    }
                },
            )
    };
}
