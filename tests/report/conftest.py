from helpers.invented_study import gathered, plan, results, smallest

__all__ = ["gathered", "plan", "results", "smallest"]
