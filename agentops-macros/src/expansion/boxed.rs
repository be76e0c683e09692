// #[agent(boxed, crate = crate::telemetry)]
// async fn dive(depth: u32) -> u32 {
//     if depth == 0 { 0 } else { dive(depth - 1).await }
// }

async fn dive(depth: u32) -> u32 {
    #[allow(unused_qualifications)]
    static __AGENTOPS_CALLSITE: crate::telemetry::__private::Callsite = crate::telemetry::__private::Callsite::new(
        crate::telemetry::__private::Meta::new(
            crate::telemetry::__private::Kind::Agent,
            "dive",
            ::core::module_path!(),
            "dive",
            &["depth"],
            true,
        ),
    );
    let mut __agentops_span = crate::telemetry::__private::start_agent(
        &__AGENTOPS_CALLSITE,
        &mut move |__agentops_w| {
            use crate::telemetry::__private::ladder::*;
            (&&&&crate::telemetry::__private::Probe(&depth))
                .agentops_capture(__agentops_w);
        },
    );
    #[allow(clippy::async_yields_async)]
    let __agentops_ret = crate::telemetry::__private::in_span(
            &mut __agentops_span,
            crate::telemetry::__private::boxed(async move {
                {
                    #[allow(unreachable_code)]
                    if false {
                        let __agentops_expected: u32 = loop {};
                        return __agentops_expected;
                    }
                    #[allow(clippy::needless_else)]
                    { if depth == 0 { 0 } else { dive(depth - 1).await } }
                }
            }),
        )
        .await;
    crate::telemetry::__private::finish(
        &mut __agentops_span,
        &mut |__agentops_w| {
            use crate::telemetry::__private::ladder::*;
            (&&&&crate::telemetry::__private::Probe(&__agentops_ret))
                .agentops_capture(__agentops_w);
        },
    );
    return __agentops_ret;
}
