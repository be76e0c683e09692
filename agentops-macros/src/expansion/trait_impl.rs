// #[agent]
// impl<T: Model> Answers for Assistant<T> {
//     type Answer = String;
//     const LIMIT: usize = 3;
//     fn answer(&self, question: &str) -> String {
//         self.ask(question)
//     }
//     fn of_model(model: T) -> Self {
//         Assistant(model)
//     }
// }

impl<T: Model> Answers for Assistant<T> {
    type Answer = String;
    const LIMIT: usize = 3;
    fn answer(&self, question: &str) -> String {
        static __AGENTOPS_CALLSITE_1: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Agent,
                "Assistant",
                ::core::module_path!(),
                "Assistant::answer",
                &[],
                false,
            ),
        );
        let __agentops_span_1 = ::agentops::__private::join_agent(
            &__AGENTOPS_CALLSITE_1,
            |__agentops_ask| {
                use ::agentops::__private::ladder::*;
                (&&::agentops::__private::AgentProbe::<Self>(&*self))
                    .agentops_answer("Assistant", __agentops_ask);
            },
        );
        static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
            ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Operation,
                "answer",
                ::core::module_path!(),
                "Assistant::answer",
                &["question"],
                true,
            ),
        );
        let __agentops_span = ::agentops::__private::enter(
            &__AGENTOPS_CALLSITE,
            |__agentops_w| {
                use ::agentops::__private::ladder::*;
                (&&&&::agentops::__private::Probe(&question))
                    .agentops_capture(__agentops_w);
            },
        );
        let __agentops_ret = ::agentops::__private::call_once(move || -> String {
            {
                #[allow(clippy::shadow_same)]
                let question = question;
                #[allow(clippy::needless_else)] { self.ask(question) }
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
    fn of_model(model: T) -> Self {
        Assistant(model)
    }
}
