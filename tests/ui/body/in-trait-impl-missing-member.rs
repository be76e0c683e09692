pub struct Letters;

#[agentops::tool]
impl Iterator for Letters {
    type Item = char;
}
