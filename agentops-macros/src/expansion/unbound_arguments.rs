// #[tool]
// fn close(self, _: Guard, _: u32, text: String, _: &str) -> u64 {
//     self.end(text)
// }

fn close(self, __agentops_unbound_1: Guard, _: u32, text: String, _: &str) -> u64 {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Tool,
            "close",
            ::core::module_path!(),
            "close",
            &["text"],
            true,
        ),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&text)).agentops_capture(__agentops_w);
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> u64 {
        {
            let _ = &self;
            #[allow(
                clippy::shadow_same,
                clippy::no_effect_underscore_binding,
                clippy::used_underscore_binding
            )]
            let __agentops_unbound_1 = __agentops_unbound_1;
            #[allow(clippy::shadow_same)]
            let text = text;
            #[allow(clippy::needless_else)] { self.end(text) }
        }
    });
    ::agentops::__private::exit(
        __agentops_span,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&__agentops_ret))
                .agentops_capture(__agentops_w);
        },
    );
    return __agentops_ret;
}
