// #[task(parent = job.span, links = job.causes.iter().copied())]
// fn handle(job: &Job) -> bool {
//     job.run()
// }

fn handle(job: &Job) -> bool {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Task,
            "handle",
            ::core::module_path!(),
            "handle",
            &["job"],
            true,
        ),
    );
    let __agentops_span = ::agentops::__private::under(
        || ::agentops::__private::parent(job.span),
        || ::agentops::__private::enter(
            &__AGENTOPS_CALLSITE,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                (&&&&::agentops::__private::Probe(&job)).agentops_capture(__agentops_w);
            },
        ),
    );
    ::agentops::__private::link(&__agentops_span, || job.causes.iter().copied());
    let __agentops_ret = ::agentops::__private::call_once(move || -> bool {
        {
            #[allow(clippy::shadow_same)]
            let job = job;
            #[allow(clippy::needless_else)] { job.run() }
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
