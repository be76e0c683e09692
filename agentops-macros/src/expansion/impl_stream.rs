// #[llm(model = "gpt-4o-mini")]
// fn tokens(prompt: String) -> impl Stream<Item = Result<Token, Error>> + Send {
//     client().stream(prompt)
// }

fn tokens(prompt: String) -> impl Stream<Item = Result<Token, Error>> + Send {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Llm,
                "tokens",
                ::core::module_path!(),
                "tokens",
                &["prompt"],
                true,
            )
            .model("gpt-4o-mini"),
    );
    let __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&prompt)).agentops_capture(__agentops_w);
        },
    );
    let mut __agentops_ret = ::agentops::__private::called::<
        Result<Token, Error>,
        _,
    >(
        __agentops_span,
        move || {
            {
                #[allow(clippy::shadow_same)]
                let prompt = prompt;
                #[allow(clippy::needless_else)] { client().stream(prompt) }
            }
        },
    );
    return {
        use ::agentops::__private::ladder::*;
        (&mut &mut __agentops_ret)
            .agentops_stream(|__agentops_flow, __agentops_item| {
                use ::agentops::__private::ladder::*;
                match (&&::agentops::__private::Outcome(__agentops_item))
                    .agentops_outcome()
                {
                    ::core::result::Result::Ok(__agentops_value) => {
                        ::agentops::__private::keep(
                            __agentops_flow,
                            &mut |__agentops_w| {
                                (&&&&::agentops::__private::Probe(__agentops_value))
                                    .agentops_capture(__agentops_w)
                            },
                        )
                    }
                    ::core::result::Result::Err(__agentops_error) => {
                        ::agentops::__private::spoil(
                            __agentops_flow,
                            &mut |__agentops_w| {
                                (&&&&&&::agentops::__private::Fault(__agentops_error))
                                    .agentops_fault(__agentops_w)
                            },
                        )
                    }
                }
            })
    };
}
