"""The generator of the Power BI project and of the connector in power-query/."""
