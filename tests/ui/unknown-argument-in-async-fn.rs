use agentops::llm;

#[llm(modle = "gpt-4o-mini")]
pub async fn ask(question: &str) -> String {
    question.to_owned()
}
