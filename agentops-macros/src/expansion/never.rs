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
            )
            .arguments(&["listener"]),
    );
    let __agentops_span = ::agentops::__private::start(
        &__AGENTOPS_CALLSITE,
        |__agentops_w| {
            use ::agentops::__private::ladder::*;
            (&&&&::agentops::__private::Probe(&listener)).agentops_capture(__agentops_w);
        },
    );
    #[allow(clippy::async_yields_async)]
    let __agentops_future = ::agentops::__private::instrument(
        __agentops_span,
        async move {
            #[allow(clippy::shadow_same)]
            let listener = listener;
            #[allow(clippy::needless_else)]
            {
                loop {
                    listener.accept().await;
                }
            }
        },
    );
    __agentops_future.await
}
