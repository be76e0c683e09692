// #[derive(Capture)]
// enum Step {
//     Idle,
//     Wait(Duration),
//     Move(f64, f64),
//     Say { text: String, #[agentops(redact)] to: String },
//     #[agentops(redact)]
//     Pay { card: Card },
//     #[agentops(skip)]
//     Load(Vec<u8>),
// }

#[automatically_derived]
impl ::agentops::__private::Capture for Step {
    fn capture(&self, __agentops_w: &mut ::agentops::__private::Sink<'_>) {
        use ::agentops::__private::ladder::*;
        match self {
            Self::Idle { .. } => __agentops_w.serialize("Idle"),
            Self::Wait { 0: __agentops_0, .. } => {
                ::agentops::__private::object(
                    __agentops_w,
                    &["Wait"],
                    &mut |__agentops_w, _| {
                        (&&&&::agentops::__private::Probe(__agentops_0))
                            .agentops_capture(__agentops_w);
                    },
                );
            }
            Self::Move { 0: __agentops_0, 1: __agentops_1, .. } => {
                ::agentops::__private::object(
                    __agentops_w,
                    &["Move"],
                    &mut |__agentops_w, _| {
                        ::agentops::__private::list(
                            __agentops_w,
                            2,
                            &mut |__agentops_w, __agentops_at| match __agentops_at {
                                0 => {
                                    (&&&&::agentops::__private::Probe(__agentops_0))
                                        .agentops_capture(__agentops_w)
                                }
                                _ => {
                                    (&&&&::agentops::__private::Probe(__agentops_1))
                                        .agentops_capture(__agentops_w)
                                }
                            },
                        );
                    },
                );
            }
            Self::Say { text: __agentops_text, .. } => {
                ::agentops::__private::object(
                    __agentops_w,
                    &["Say"],
                    &mut |__agentops_w, _| {
                        ::agentops::__private::object(
                            __agentops_w,
                            &["text", "to"],
                            &mut |__agentops_w, __agentops_at| match __agentops_at {
                                0 => {
                                    (&&&&::agentops::__private::Probe(__agentops_text))
                                        .agentops_capture(__agentops_w)
                                }
                                _ => ::agentops::__private::redacted(__agentops_w),
                            },
                        );
                    },
                );
            }
            Self::Pay { .. } => ::agentops::__private::redacted(__agentops_w),
            Self::Load { .. } => __agentops_w.serialize("Load"),
        }
    }
}
