// #[operation(err = false)]
// fn words(text: &str) -> Option<impl Iterator<Item = &str>> {
//     Some(text.split(' '))
// }

fn words(text: &str) -> Option<impl Iterator<Item = &str>> {
    let __agentops_expected = ::agentops::__private::Expected::new();
    if false {
        return __agentops_expected.never();
    }
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Operation,
            "words",
            ::core::module_path!(),
            "words",
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
    let __agentops_ret = ::agentops::__private::call_once(move || -> Option<_> {
        {
            if false {
                return __agentops_expected.never();
            }
            #[allow(clippy::shadow_same)]
            let text = text;
            #[allow(clippy::needless_else)] { Some(text.split(' ')) }
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
