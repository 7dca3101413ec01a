# The expensive part. The name of a run ends with a digest of its specification, so no two runs share a directory.


rule train:
    output:
        record=f"{BLOCK}/{RECORD}",
        replicas=f"{BLOCK}/replicas.parquet",
        episodes=f"{BLOCK}/episodes.parquet",
        metrics=f"{BLOCK}/metrics.parquet",
        evaluations=f"{BLOCK}/evaluations.parquet",
    log:
        LAYOUT.log("train", "{run}/{block}"),
    benchmark:
        LAYOUT.benchmark("train", "{run}/{block}")
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=CONFIGURATION.job_megabytes,
        disk_mb=500,
        runtime="1d",
    params:
        run=training_arguments,
        into=subpath(output.record, parent=True),
        code=training_code,
    message:
        "Train {wildcards.run}, seeds {wildcards.block}"
    shell:
        "python -m pgbench train {params.run} --seeds {wildcards.block:q} --name {wildcards.run:q}"
        " --into {params.into:q} > {log:q} 2>&1"
