module local/{{name}}

go 1.27

require stepcell v0.0.0

replace stepcell => ./stepcell
