// #[task]
// async fn serve(listener: Listener) -> ! {
//     loop {
//         listener.accept().await;
//     }
// }

async fn serve(listener: Listener) -> ! {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Task,
            "serve",
            ::core::module_path!(),
            "serve",
            &["listener"],
            false,
        ),
    );
    let mut __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        &mut |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&listener)).agentops_capture(__agentops_w);
        },
    );
    ::agentops::__private::in_span(
            &mut __agentops_span,
            async move {
                {
                    #[allow(clippy::shadow_same)]
                    let listener = listener;
                    #[allow(clippy::needless_else)]
                    {
                        loop {
                            listener.accept().await;
                        }
                    }
                }
            },
        )
        .await
}
