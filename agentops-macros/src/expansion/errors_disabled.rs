// #[guardrail(spec = "input", err = false, capture_return = false)]
// fn allowed(text: &str) -> Result<(), Refusal> {
//     judge(text)
// }

fn allowed(text: &str) -> Result<(), Refusal> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Guardrail,
                "allowed",
                ::core::module_path!(),
                "allowed",
                &["text"],
                false,
            )
            .spec("input"),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&text)).agentops_capture(__agentops_w);
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> Result<(), Refusal> {
        {
            #[allow(clippy::shadow_same)]
            let text = text;
            #[allow(clippy::needless_else)] { judge(text) }
        }
    });
    ::agentops::__private::leave(__agentops_span);
    return __agentops_ret;
}
