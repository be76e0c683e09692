// #[session]
// #[agent(role = "answers")]
// fn answer(question: String) -> String {
//     question
// }

#[agent(__agentops_expanded)]
fn answer(question: String) -> String {
    static __AGENTOPS_CALLSITE_1: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Session,
            "answer",
            ::core::module_path!(),
            "answer",
            &["question"],
            true,
        ),
    );
    let __agentops_span_1 = ::agentops::__private::enter_session(
        &__AGENTOPS_CALLSITE_1,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&question)).agentops_capture(__agentops_w);
        },
    );
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Agent,
                "answer",
                ::core::module_path!(),
                "answer",
                &["question"],
                true,
            )
            .role("answers"),
    );
    let __agentops_span = ::agentops::__private::enter_agent(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&question)).agentops_capture(__agentops_w);
        },
    );
    let __agentops_ret = ::agentops::__private::call_once(move || -> String {
        {
            #[allow(clippy::shadow_same)]
            let question = question;
            #[allow(clippy::needless_else)] { question }
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
    ::agentops::__private::exit(
        __agentops_span_1,
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
