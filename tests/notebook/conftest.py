from helpers.invented_study import gathered, plan, results

__all__ = ["gathered", "plan", "results"]
