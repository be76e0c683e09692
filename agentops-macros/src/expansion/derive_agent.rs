// #[derive(Agent)]
// #[agentops(role = "finds sources", bounds(T: Debug))]
// pub struct Researcher<'a, T, const N: usize> where T: Clone {
//     #[agentops(id)]
//     id: AgentId,
//     #[agentops(name)]
//     topic: Option<&'a str>,
//     #[agentops(model)]
//     model: Model,
//     #[agentops(state)]
//     notes: [T; N],
//     #[agentops(state, redact)]
//     key: String,
// }

#[automatically_derived]
#[allow(clippy::type_repetition_in_bounds)]
impl<'a, T, const N: usize> ::agentops::__private::Agent for Researcher<'a, T, N>
where
    T: Clone,
    T: Debug,
{
    fn name(&self) -> ::agentops::__private::Cow<'_, ::core::primitive::str> {
        use ::agentops::__private::says::*;
        (&&&&&&::agentops::__private::Says(&self.topic))
            .agentops_said()
            .text()
            .unwrap_or(::agentops::__private::Cow::Borrowed("Researcher"))
    }
    fn is_nameless(&self) -> ::core::primitive::bool {
        use ::agentops::__private::says::*;
        (&&&&&&::agentops::__private::Says(&self.topic)).agentops_said().text().is_none()
    }
    fn id(&self) -> ::core::option::Option<::agentops::__private::AgentId> {
        use ::agentops::__private::says::*;
        (&&&&&&::agentops::__private::Says(&self.id))
            .agentops_said()
            .id(::core::module_path!(), "Researcher")
    }
    fn role(
        &self,
    ) -> ::core::option::Option<::agentops::__private::Cow<'_, ::core::primitive::str>> {
        ::core::option::Option::Some(
            ::agentops::__private::Cow::Borrowed("finds sources"),
        )
    }
    fn model(
        &self,
    ) -> ::core::option::Option<::agentops::__private::Cow<'_, ::core::primitive::str>> {
        use ::agentops::__private::says::*;
        (&&&&&&::agentops::__private::Says(&self.model)).agentops_said().text()
    }
    fn state(&self, __agentops_w: &mut ::agentops::__private::Sink<'_>) {
        use ::agentops::__private::ladder::*;
        ::agentops::__private::object(
            __agentops_w,
            &["notes", "key"],
            &mut |__agentops_w, __agentops_at| match __agentops_at {
                0 => {
                    (&&&&::agentops::__private::Probe(&self.notes))
                        .agentops_capture(__agentops_w)
                }
                _ => ::agentops::__private::redacted(__agentops_w),
            },
        );
    }
}
