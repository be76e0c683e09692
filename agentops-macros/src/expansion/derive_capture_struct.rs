// #[derive(Capture)]
// struct Account<T> {
//     user: T,
//     #[agentops(redact)]
//     password: String,
//     #[agentops(skip)]
//     cache: Cache,
//     r#type: Kind,
// }

#[automatically_derived]
impl<T> ::agentops::__private::Capture for Account<T> {
    fn capture(&self, __agentops_w: &mut ::agentops::__private::Sink<'_>) {
        use ::agentops::__private::ladder::*;
        ::agentops::__private::object(
            __agentops_w,
            &["user", "password", "type"],
            &mut |__agentops_w, __agentops_at| match __agentops_at {
                0 => {
                    (&&&&::agentops::__private::Probe(&self.user))
                        .agentops_capture(__agentops_w)
                }
                1 => ::agentops::__private::redacted(__agentops_w),
                _ => {
                    (&&&&::agentops::__private::Probe(&self.r#type))
                        .agentops_capture(__agentops_w)
                }
            },
        );
    }
}
