// #[session(name = NAME, tags = ["demo"], version = 2)]
// async fn answer() {
//     work().await;
// }

async fn answer() {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
                ::agentops::__private::Kind::Session,
                NAME,
                ::core::module_path!(),
                "answer",
                &[],
                false,
            )
            .tags(&["demo"])
            .version("2"),
    );
    let mut __agentops_span = ::agentops::__private::start_session(
        &__AGENTOPS_CALLSITE,
        &mut |_| {},
    );
    #[allow(clippy::async_yields_async)]
    let __agentops_ret = ::agentops::__private::in_span(
            &mut __agentops_span,
            async move {
                {
                    if false {
                        return;
                    }
                    #[allow(clippy::needless_else)]
                    {
                        work().await;
                    }
                }
            },
        )
        .await;
    ::agentops::__private::settle(&mut __agentops_span);
    return __agentops_ret;
}
