// #[derive(Agent)]
// struct Judge;

#[automatically_derived]
impl ::agentops::__private::Agent for Judge {
    fn name(&self) -> ::agentops::__private::Cow<'_, ::core::primitive::str> {
        ::agentops::__private::Cow::Borrowed("Judge")
    }
    fn is_nameless(&self) -> ::core::primitive::bool {
        true
    }
}
