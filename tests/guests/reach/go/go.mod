module reach

go 1.27

require stepcell v0.0.0

replace stepcell => ../../../../guest-sdk/go
