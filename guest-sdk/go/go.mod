module stepcell

go 1.27
