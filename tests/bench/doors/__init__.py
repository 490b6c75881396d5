"""The partners' doors under load: is every event accounted for, and does a flood of one partner slow the others?"""
