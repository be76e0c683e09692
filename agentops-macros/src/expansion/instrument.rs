// #[agentops::instrument(skip(key))]
// fn fetch(url: &str, key: &str) {
//     get(url, key);
// }

fn fetch(url: &str, key: &str) {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Operation,
            "fetch",
            ::core::module_path!(),
            "fetch",
            &["url"],
            false,
        ),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&url)).agentops_capture(__agentops_w);
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> () {
        {
            #[allow(clippy::shadow_same)]
            let url = url;
            #[allow(clippy::shadow_same)]
            let key = key;
            #[allow(clippy::needless_else)]
            {
                get(url, key);
            }
        }
    });
    ::agentops::__private::leave(__agentops_span);
    return __agentops_ret;
}
