# The expensive part. A run's name is a digest of all that it does, so no two runs ever share a directory.


rule train:
    output:
        record="results/runs/{run}/{block}/run.json",
        episodes="results/runs/{run}/{block}/episodes.parquet",
        metrics="results/runs/{run}/{block}/metrics.parquet",
        evaluations="results/runs/{run}/{block}/evaluations.parquet",
    log:
        "results/logs/train/{run}/{block}.log",
    benchmark:
        "results/benchmarks/train/{run}/{block}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growth.JOB_MEGABYTES,
        disk_mb=500,
        runtime="1d",
    params:
        run=training_arguments,
        code=training_code,
    shell:
        "python -m pgbench train {params.run} --seeds {wildcards.block} --name {wildcards.run}"
        " --into results/runs/{wildcards.run}/{wildcards.block} > {log} 2>&1"
