"""Questions put to reports: which snapshot is best, is one run better than another, does a run hold conditions?"""
