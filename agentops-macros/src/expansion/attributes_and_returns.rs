// #[tool(attributes(size = text.len(), "text.kind" = KIND, limit), returns(hits = |value| value.len()), capture(limit))]
// fn find(text: &str, limit: usize) -> Result<Vec<usize>, Error> {
//     scan(text, limit)
// }

fn find(text: &str, limit: usize) -> Result<Vec<usize>, Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Tool,
                "find",
                ::core::module_path!(),
                "find",
                &["limit"],
                true,
            )
            .attributes(&["size", "text.kind", "limit"])
            .returns(&["hits"]),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&limit)).agentops_capture(__agentops_w);
            ::agentops::__private::computed(
                __agentops_w,
                &mut |__agentops_w| {
                    (&&&&::agentops::__private::Probe(&(text.len())))
                        .agentops_capture(__agentops_w)
                },
            );
            ::agentops::__private::computed(
                __agentops_w,
                &mut |__agentops_w| {
                    (&&&&::agentops::__private::Probe(&(KIND)))
                        .agentops_capture(__agentops_w)
                },
            );
            ::agentops::__private::computed(
                __agentops_w,
                &mut |__agentops_w| {
                    (&&&&::agentops::__private::Probe(&(limit)))
                        .agentops_capture(__agentops_w)
                },
            );
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> Result<
        Vec<usize>,
        Error,
    > {
        {
            #[allow(clippy::shadow_same)]
            let text = text;
            #[allow(clippy::shadow_same)]
            let limit = limit;
            #[allow(clippy::needless_else)] { scan(text, limit) }
        }
    });
    #[allow(
        clippy::implicit_return,
        clippy::min_ident_chars,
        clippy::redundant_closure,
        clippy::redundant_closure_for_method_calls
    )]
    ::agentops::__private::exit(
        __agentops_span,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            match (&&::agentops::__private::Outcome(&__agentops_ret)).agentops_outcome()
            {
                ::core::result::Result::Ok(__agentops_value) => {
                    (&&&&::agentops::__private::Probe(__agentops_value))
                        .agentops_capture(__agentops_w);
                    ::agentops::__private::computed(
                        __agentops_w,
                        &mut |__agentops_w| {
                            (&&&&::agentops::__private::Probe(
                                &::agentops::__private::call_with(
                                    __agentops_value,
                                    |value| value.len(),
                                ),
                            ))
                                .agentops_capture(__agentops_w)
                        },
                    );
                }
                ::core::result::Result::Err(__agentops_error) => {
                    (&&&&&&::agentops::__private::Fault(__agentops_error))
                        .agentops_fault(__agentops_w)
                }
            }
        },
    );
    return __agentops_ret;
}
