# What R's packages make of samples: lines by Deming and by Passing & Bablok (mcr), limits of agreement with several pairs a
# patient (SimplyAgree's agree_nest).
#
#   Rscript methods.R SAMPLES.json AGREE_NEST.R OUT.json
#
# mcr is installed as a package. Of SimplyAgree the one file with the function is enough, with dplyr and tidyr.

suppressMessages({
  library(jsonlite)
  library(mcr)
  library(dplyr)
  library(tidyr)
})
arguments <- commandArgs(trailingOnly = TRUE)
samples <- fromJSON(arguments[1], simplifyVector = FALSE)
source(arguments[2])
numbers <- function(list) as.numeric(unlist(list))

line <- function(fit) {
  table <- getCoefficients(fit)
  of <- function(row) list(value = table[row, "EST"], low = table[row, "LCI"], high = table[row, "UCI"])
  list(slope = of("Slope"), intercept = of("Intercept"))
}

lines <- lapply(samples$lines, function(sample) {
  truth <- numbers(sample$truth)
  measured <- numbers(sample$measured)
  # mcr prints what it does.
  capture.output({
    deming <- mcreg(truth, measured, error.ratio = 1, method.reg = "Deming", method.ci = "jackknife")
    bablok <- mcreg(truth, measured, method.reg = "PaBa", method.ci = "analytical", slope.measure = "tangent")
  })
  list(deming = line(deming), passing_bablok = line(bablok))
})

limits <- lapply(samples$repeated, function(sample) {
  table <- data.frame(id = numbers(sample$unit), x = numbers(sample$measured), y = numbers(sample$truth))
  fit <- suppressWarnings(agree_nest("x", "y", "id", table, TOST = FALSE, ccc = FALSE))
  of <- function(row) {
    list(value = fit$loa[row, "estimate"], low = fit$loa[row, "lower.ci"], high = fit$loa[row, "upper.ci"])
  }
  list(bias = of("Bias"), low = of("Lower LoA"), high = of("Upper LoA"), within = fit$var_comp$sdw2)
})

versions <- list(R = paste(R.version$major, R.version$minor, sep = "."), mcr = as.character(packageVersion("mcr")))
write_json(list(versions = versions, lines = lines, repeated = limits), arguments[3], auto_unbox = TRUE, digits = NA)
