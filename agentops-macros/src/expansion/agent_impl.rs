// #[agent(name = "planner", role = "plans", level = "debug")]
// impl Planner<'_> {
//     const LIMIT: usize = 3;
//     fn new() -> Self {
//         Planner
//     }
//     fn plan(&mut self, question: &str) -> Plan {
//         self.think(question)
//     }
//     #[tool(name = "look up")]
//     async fn look_up(&self, word: String) -> Option<String> {
//         self.words.get(&word)
//     }
//     #[agentops::skip]
//     fn reset(&mut self) {}
// }

impl Planner<'_> {
    const LIMIT: usize = 3;
    fn new() -> Self {
        Planner
    }
    fn plan(&mut self, question: &str) -> Plan {
        static __AGENTOPS_CALLSITE_1: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                    ::agentops::__private::Kind::Agent,
                    "planner",
                    ::core::module_path!(),
                    "Planner::plan",
                    &[],
                    false,
                )
                .level(::agentops::__private::Level::Debug)
                .role("plans"),
        );
        let __agentops_span_1 = ::agentops::__private::join_agent(
            &__AGENTOPS_CALLSITE_1,
            |__agentops_ask| {
                use ::agentops::__private::ladder::*;
                (&&::agentops::__private::AgentProbe::<Self>(&*self))
                    .agentops_answer("Planner", __agentops_ask);
            },
        );
        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                    ::agentops::__private::Kind::Operation,
                    "plan",
                    ::core::module_path!(),
                    "Planner::plan",
                    &["question"],
                    true,
                )
                .level(::agentops::__private::Level::Debug),
        );
        let __agentops_span = ::agentops::__private::enter(
            &__AGENTOPS_CALLSITE,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                (&&&&::agentops::__private::Probe(&question))
                    .agentops_capture(__agentops_w);
            },
        );
        let __agentops_ret = ::agentops::__private::call_once(move || -> Plan {
            {
                #[allow(clippy::shadow_same)]
                let question = question;
                #[allow(clippy::needless_else)] { self.think(question) }
            }
        });
        ::agentops::__private::exit(
            __agentops_span,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                match (&&::agentops::__private::Outcome(&__agentops_ret))
                    .agentops_outcome()
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
        ::agentops::__private::leave(__agentops_span_1);
        return __agentops_ret;
    }
    #[tool(__agentops_expanded)]
    async fn look_up(&self, word: String) -> Option<String> {
        static __AGENTOPS_CALLSITE_1: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                    ::agentops::__private::Kind::Agent,
                    "planner",
                    ::core::module_path!(),
                    "Planner::look_up",
                    &[],
                    false,
                )
                .level(::agentops::__private::Level::Debug)
                .role("plans"),
        );
        let mut __agentops_span_1 = ::agentops::__private::start_join_agent(
            &__AGENTOPS_CALLSITE_1,
            |__agentops_ask| {
                use ::agentops::__private::ladder::*;
                (&&::agentops::__private::AgentProbe::<Self>(&*self))
                    .agentops_answer("Planner", __agentops_ask);
            },
        );
        #[allow(clippy::async_yields_async)]
        let __agentops_ret = ::agentops::__private::in_span(
                &mut __agentops_span_1,
                async move {
                    {
                        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
                            ::agentops::__private::Meta::new(
                                ::agentops::__private::Kind::Tool,
                                "look up",
                                ::core::module_path!(),
                                "Planner::look_up",
                                &["word"],
                                true,
                            ),
                        );
                        let mut __agentops_span = ::agentops::__private::start(
                            &__AGENTOPS_CALLSITE,
                            &mut |__agentops_w| {
                                use ::agentops::__private::ladder::*;
                                (&&&&::agentops::__private::Probe(&word))
                                    .agentops_capture(__agentops_w);
                            },
                        );
                        #[allow(clippy::async_yields_async)]
                        let __agentops_ret = ::agentops::__private::in_span(
                                &mut __agentops_span,
                                async move {
                                    {
                                        #[allow(unreachable_code)]
                                        if false {
                                            let __agentops_expected: Option<String> = loop {};
                                            return __agentops_expected;
                                        }
                                        #[allow(clippy::shadow_same)]
                                        let word = word;
                                        #[allow(clippy::needless_else)] { self.words.get(&word) }
                                    }
                                },
                            )
                            .await;
                        ::agentops::__private::finish(
                            &mut __agentops_span,
                            &mut |__agentops_w| {
                                use ::agentops::__private::ladder::*;
                                match (&&::agentops::__private::Outcome(&__agentops_ret))
                                    .agentops_outcome()
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
                },
            )
            .await;
        ::agentops::__private::settle(&mut __agentops_span_1);
        return __agentops_ret;
    }
    #[agentops::skip]
    fn reset(&mut self) {}
}
