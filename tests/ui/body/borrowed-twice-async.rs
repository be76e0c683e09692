use agentops::tool;

#[tool]
pub async fn search(found: &mut Vec<String>) -> usize {
    let first = &mut found[0];
    found.push(String::new());
    first.push('x');
    found.len()
}
