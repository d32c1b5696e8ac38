# The number of segments of each set by clusGap and prediction.strength, sets shared out over the cores:
#   Rscript choice.R CORES MOST FILE...      of numbers, a customer a line; a line of answers for each file
suppressMessages({
  library(cluster)
  library(fpc)
})

arguments <- commandArgs(trailingOnly = TRUE)
cores <- as.integer(arguments[1])
most <- as.integer(arguments[2])

# As published: squared distances, and the least k with gap(k) >= gap(k + 1) - error(k + 1).
by_gap <- function(values) {
  gap <- clusGap(values, kmeans, K.max = most, B = 20, d.power = 2, nstart = 10, iter.max = 100, verbose = FALSE)
  maxSE(gap$Tab[, "gap"], gap$Tab[, "SE.sim"], method = "Tibs2001SEmax")
}

by_strength <- function(values) {
  prediction.strength(values, Gmin = 2, Gmax = most, M = 10, clustermethod = kmeansCBI, runs = 10)$optimalk
}

choose <- function(file) {
  values <- as.matrix(read.table(file))
  set.seed(1)
  suppressWarnings(sprintf("%s %d %d", basename(file), by_gap(values), by_strength(values)))
}

answers <- parallel::mclapply(arguments[-(1:2)], choose, mc.cores = cores)
failed <- sapply(answers, inherits, "try-error")
if (any(failed)) stop(answers[[which(failed)[1]]])
cat(sprintf("R %s, cluster %s, fpc %s\n", getRversion(), packageVersion("cluster"), packageVersion("fpc")))
cat(unlist(answers), sep = "\n")
