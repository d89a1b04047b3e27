"""Attendance of courses under the policy, as a workbook, as CSV or as JSON."""
