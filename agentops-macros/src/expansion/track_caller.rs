// #[operation(operation_type = "check")]
// #[track_caller]
// fn must(condition: bool) -> usize {
//     locate(condition)
// }

#[track_caller]
fn must(condition: bool) -> usize {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Operation,
                "must",
                ::core::module_path!(),
                "must",
                &["condition"],
                false,
            )
            .operation_type("check"),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&condition))
                .agentops_capture(__agentops_w);
        },
    );
    #[allow(clippy::shadow_same)]
    let condition = condition;
    #[allow(clippy::needless_else)] { locate(condition) }
}
