// #[workflow(skip_all, tags = ["nightly"])]
// impl Report {
//     fn build(self) {
//         write(self)
//     }
// }

impl Report {
    fn build(self) {
        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                    ::agentops::__private::Kind::Workflow,
                    "build",
                    ::core::module_path!(),
                    "Report::build",
                    &[],
                    false,
                )
                .tags(&["nightly"]),
        );
        let __agentops_span = ::agentops::__private::enter_bare(&__AGENTOPS_CALLSITE);
        let __agentops_ret = ::agentops::__private::call_once(move || -> () {
            {
                let _ = &self;
                #[allow(clippy::needless_else)] { write(self) }
            }
        });
        ::agentops::__private::leave(__agentops_span);
        return __agentops_ret;
    }
}
