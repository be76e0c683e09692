// #[agentops::main]
// #[tokio::main]
// async fn main() {
//     run().await;
// }

#[tokio::main]
async fn main() {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Session,
            ::core::env!("CARGO_CRATE_NAME"),
            ::core::module_path!(),
            "main",
            &[],
            false,
        ),
    );
    let __agentops_span = ::agentops::__private::main_start_unnamed(
        &__AGENTOPS_CALLSITE,
    );
    let __agentops_ret = async move {
        {
            if false {
                return;
            }
            #[allow(clippy::needless_else)]
            {
                run().await;
            }
        }
    }
        .await;
    ::agentops::__private::main_finish(__agentops_span, &mut |_| {});
    return __agentops_ret;
}
