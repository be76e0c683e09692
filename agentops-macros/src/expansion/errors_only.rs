// #[operation(skip_all, capture_return = false)]
// async fn store(row: Row) -> Result<(), Error> {
//     table().insert(row).await
// }
//

async fn store(row: Row) -> Result<(), Error> {
    static __AGENTOPS_CALLSITE: ::agentops::__private::Callsite = ::agentops::__private::Callsite::new(
        ::agentops::__private::Meta::new(
            ::agentops::__private::Kind::Operation,
            "store",
            ::core::module_path!(),
            "store",
            &[],
            false,
        ),
    );
    let mut __agentops_span = ::agentops::__private::later();
    #[allow(clippy::async_yields_async)]
    let __agentops_ret = ::agentops::__private::in_late_span(
            &mut __agentops_span,
            &__AGENTOPS_CALLSITE,
            async move {
                {
                    #[allow(unreachable_code)]
                    if false {
                        let __agentops_expected: Result<(), Error> = loop {};
                        return __agentops_expected;
                    }
                    #[allow(clippy::shadow_same)]
                    let row = row;
                    #[allow(clippy::needless_else)] { table().insert(row).await }
                }
            },
        )
        .await;
    {
        use ::agentops::__private::ladder::*;
        match (&&::agentops::__private::Outcome(&__agentops_ret)).agentops_outcome() {
            ::core::result::Result::Ok(_) => {
                ::agentops::__private::settle(&mut __agentops_span)
            }
            ::core::result::Result::Err(__agentops_error) => {
                ::agentops::__private::finish(
                    &mut __agentops_span,
                    &mut |__agentops_w| {
                        (&&&&&&::agentops::__private::Fault(__agentops_error))
                            .agentops_fault(__agentops_w)
                    },
                )
            }
        }
    };
    return __agentops_ret;
}
