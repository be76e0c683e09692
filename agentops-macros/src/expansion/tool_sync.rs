// #[tool(cost = 0.01)]
// fn grep(pattern: &str, mut n: usize, #[cfg(unix)] mode: u32) -> Result<Vec<String>, Error> {
//     n += 1;
//     search(pattern, n)
// }

fn grep(pattern: &str, n: usize, #[cfg(unix)] mode: u32) -> Result<Vec<String>, Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Tool,
                "grep",
                ::core::module_path!(),
                "grep",
                &["pattern", "n", #[cfg(unix)] "mode"],
                true,
            )
            .cost(0.01),
    );
    let __agentops_span = ::agentops::__private::enter(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&pattern)).agentops_capture(__agentops_w);
            (&&&&::agentops::__private::Probe(&n)).agentops_capture(__agentops_w);
            #[cfg(unix)]
            (&&&&::agentops::__private::Probe(&mode)).agentops_capture(__agentops_w);
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> Result<
        Vec<String>,
        Error,
    > {
        {
            #[allow(clippy::shadow_same)]
            let pattern = pattern;
            #[allow(clippy::shadow_same)]
            let mut n = n;
            #[allow(clippy::shadow_same)]
            #[cfg(unix)]
            let mode = mode;
            #[allow(clippy::needless_else)]
            {
                n += 1;
                search(pattern, n)
            }
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
