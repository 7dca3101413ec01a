# Finished blocks in Weights & Biases, with `tracking: wandb` in the configuration; otherwise nobody asks for these.


rule track:
    input:
        rules.train.output,
        plans=plans_of_run,
    output:
        touch("results/tracking/{run}/{block}.attempted"),
    log:
        "results/logs/track/{run}/{block}.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        disk_mb=500,
        runtime="1h",
    params:
        block=subpath(input[0], parent=True),
    # A view of the results: whatever becomes of it, it fails no job, and the last line says why.
    shell:
        "python -m pgbench track {params.block} > {log} 2>&1 || tail --lines=1 {log}"
