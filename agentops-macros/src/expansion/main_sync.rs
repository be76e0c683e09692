// #[agentops::main(name = "research", tags = ["demo"])]
// fn main() -> Result<(), Error> {
//     run()
// }

fn main() -> Result<(), Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Session,
                "research",
                ::core::module_path!(),
                "main",
                &[],
                false,
            )
            .tags(&["demo"]),
    );
    let __agentops_span = ::agentops::__private::main_start(&__AGENTOPS_CALLSITE);
    let __agentops_ret = ::agentops::__private::call_once(move || -> Result<(), Error> {
        { #[allow(clippy::needless_else)] { run() } }
    });
    ::agentops::__private::main_finish(
        __agentops_span,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            match (&&::agentops::__private::Outcome(&__agentops_ret)).agentops_outcome()
            {
                ::core::result::Result::Ok(_) => {}
                ::core::result::Result::Err(__agentops_error) => {
                    (&&&&&&::agentops::__private::Fault(__agentops_error))
                        .agentops_fault(__agentops_w)
                }
            }
        },
    );
    return __agentops_ret;
}
