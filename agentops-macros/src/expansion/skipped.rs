// #[tool(skip_all)]
// fn upload(key: Key, body: Vec<u8>) -> Receipt {
//     send(key, body)
// }

fn upload(key: Key, body: Vec<u8>) -> Receipt {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Tool,
            "upload",
            ::core::module_path!(),
            "upload",
            &[],
            true,
        ),
    );
    let __agentops_span = ::agentops::__private::enter_bare(&__AGENTOPS_CALLSITE);
    let __agentops_ret = ::agentops::__private::call_once(move || -> Receipt {
        {
            #[allow(clippy::shadow_same)]
            let key = key;
            #[allow(clippy::shadow_same)]
            let body = body;
            #[allow(clippy::needless_else)] { send(key, body) }
        }
    });
    ::agentops::__private::exit(
        __agentops_span,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            match (&&::agentops::__private::Outcome(&__agentops_ret)).agentops_outcome()
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
    );
    return __agentops_ret;
}
