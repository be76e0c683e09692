use agentops::tool;

#[tool]
pub fn search((query, count): (String, usize)) -> String {
    query.push('x');
    count += 1;
    query
}
