// #[tool(capture_return = false)]
// async fn lines(path: PathBuf) -> Result<impl Stream<Item = Line>, Error> {
//     open(path).await
// }

async fn lines(path: PathBuf) -> Result<impl Stream<Item = Line>, Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Tool,
            "lines",
            ::core::module_path!(),
            "lines",
            &["path"],
            false,
        ),
    );
    let __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&path)).agentops_capture(__agentops_w);
        },
    );
    #[allow(clippy::async_yields_async)]
    let __agentops_future = ::agentops::__private::handing::<
        Line,
        _,
    >(
        __agentops_span,
        async move {
            {
                #[allow(unreachable_code)]
                if false {
                    let __agentops_expected: Result<_, Error> = loop {};
                    return __agentops_expected;
                }
                #[allow(clippy::shadow_same)]
                let path = path;
                #[allow(clippy::needless_else)] { open(path).await }
            }
        },
    );
    let mut __agentops_ret = __agentops_future.await;
    return {
        use ::agentops::__private::ladder::*;
        (&mut &mut __agentops_ret)
            .agentops_tried_stream(
                move |__agentops_span, __agentops_ret| {
                    use ::agentops::__private::ladder::*;
                    match (&&::agentops::__private::Outcome(__agentops_ret))
                        .agentops_outcome()
                    {
                        ::core::result::Result::Ok(_) => {
                            ::agentops::__private::settle(__agentops_span)
                        }
                        ::core::result::Result::Err(__agentops_error) => {
                            ::agentops::__private::finish(
                                __agentops_span,
                                &mut |__agentops_w| {
                                    (&&&&&&::agentops::__private::Fault(__agentops_error))
                                        .agentops_fault(__agentops_w)
                                },
                            )
                        }
                    }
                },
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
