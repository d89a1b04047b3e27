"""Brightspace Data Sets in the column layout that D2L documents, as CSV and as ZIP files.

The columns and their types are those of D2L's pages, with the order in which they stand there:
https://community.d2l.com/brightspace/kb/articles/4740-users-data-sets,
4529-organizational-units-data-sets, 4534-role-details-data-sets and 4727-lti-data-sets.
"""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Type = Literal["int", "bigint", "nvarchar", "varchar", "bit", "datetime2", "uniqueidentifier"]
Row = Mapping[str, object]

LAYOUTS: Mapping[str, Mapping[str, Type]] = {
    "Users": {
        "UserId": "int",
        "UserName": "nvarchar",
        "OrgDefinedId": "nvarchar",
        "FirstName": "nvarchar",
        "MiddleName": "nvarchar",
        "LastName": "nvarchar",
        "IsActive": "bit",
        "Organization": "nvarchar",
        "ExternalEmail": "nvarchar",
        "SignupDate": "datetime2",
        "FirstLoginDate": "datetime2",
        "Version": "bigint",
        "OrgRoleId": "int",
        "LastAccessed": "datetime2",
    },
    "UserEnrollments": {
        "OrgUnitId": "int",
        "UserId": "int",
        "RoleName": "nvarchar",
        "EnrollmentDate": "datetime2",
        "EnrollmentType": "nvarchar",
        "RoleId": "int",
    },
    "EnrollmentsAndWithdrawals": {
        "LogId": "bigint",
        "UserId": "int",
        "OrgUnitId": "int",
        "RoleId": "int",
        "Action": "nvarchar",
        "ModifiedByUserId": "int",
        "EnrollmentDate": "datetime2",
    },
    "OrganizationalUnits": {
        "OrgUnitId": "int",
        "Organization": "nvarchar",
        "Type": "nvarchar",
        "Name": "nvarchar",
        "Code": "nvarchar",
        "StartDate": "datetime2",
        "EndDate": "datetime2",
        "IsActive": "bit",
        "CreatedDate": "datetime2",
        "IsDeleted": "bit",
        "DeletedDate": "datetime2",
        "RecycledDate": "datetime2",
        "Version": "bigint",
        "OrgUnitTypeId": "int",
    },
    "RoleDetails": {
        "RoleId": "int",
        "RoleName": "nvarchar",
        "Description": "nvarchar",
        "IsCascading": "bit",
        "InClassList": "bit",
        "ClassListRoleName": "nvarchar",
        "ClassListShowGroups": "bit",
        "ClassListShowSections": "bit",
        "ClassListDisplayRole": "bit",
        "AccessInactiveCO": "bit",
        "HasSpecialAccess": "bit",
        "AddToCourseOfferingGroups": "bit",
        "CanBeAutoEnrolledIntoGroups": "bit",
        "AddToCourseOfferingSections": "bit",
        "CanBeAutoEnrolledIntoSections": "bit",
        "AccessPastCourses": "bit",
        "AccessFutureCourses": "bit",
        "SortOrder": "int",
        "ShowInContent": "bit",
        "ShowInDiscussionAssess": "bit",
        "ShowInDiscussionStats": "bit",
        "ShowInGrades": "bit",
        "ShowInAttendance": "bit",
        "AllowSelfEnrollInGroups": "bit",
        "ShowInRegistration": "bit",
        "ShowInUserProgress": "bit",
        "RoleAlias": "nvarchar",
        "RoleCode": "nvarchar",
        "LastModifiedDate": "datetime2",
        "DeletedBy": "int",
    },
    "LTILaunches": {
        "LTILaunchId": "uniqueidentifier",
        "UserId": "int",
        "IMSRoleNames": "nvarchar",
        "ImpersonatingUserId": "bigint",
        "ImpersonatingUserIMSRoleName": "nvarchar",
        "LaunchDate": "datetime2",
        "OrgUnitId": "bigint",
        "LTILinkId": "bigint",
        "DeploymentId": "uniqueidentifier",
        "ClientId": "uniqueidentifier",
        "ToolProviderId": "nvarchar",
        "ContentTopicId": "bigint",
        "ParentModuleId": "bigint",
        "Placement": "nvarchar",
        "MessageVersion": "nvarchar",
        "RequestType": "nvarchar",
    },
    "LTILinks": {
        "LtiLinkId": "bigint",
        "OrgUnitId": "int",
        "Title": "nvarchar",
        "LinkType": "int",
        "LTIVersion": "varchar",
        "Url": "nvarchar",
        "Description": "nvarchar",
        "IsVisible": "bit",
        "SendTCInfo": "bit",
        "SendContextInfo": "bit",
        "SendCourseInfo": "bit",
        "SendOrgUnitInfo": "bit",
        "SendUserId": "bit",
        "SendUserName": "bit",
        "SendUserEmail": "bit",
        "SendLinkTitle": "bit",
        "SendLinkDescription": "bit",
        "SendD2LUserName": "bit",
        "SendD2LOrgDefinedId": "bit",
        "SendD2LOrgRoleId": "bit",
        "SendBrightspaceUserId": "bit",
        "Anonymous": "bit",
        "Shared": "bit",
        "UseToolProviderSecuritySettings": "bit",
        "LastModifiedDate": "datetime2",
        "OuAvailabilitySetId": "bigint",
        "LastModifiedBy": "int",
        "IsDeleted": "bit",
    },
}
_FILLED: Mapping[Type, str] = {
    "int": "0",
    "bigint": "0",
    "nvarchar": 'any "text", also\nof two lines',
    "varchar": "1.3",
    "bit": "False",
    "datetime2": "2026-08-01T07:30:00.123Z",
    "uniqueidentifier": "15495cdc-4a00-43e0-b28c-042523bad957",
}
"""What a column has that a test does not name."""


@dataclass
class Brightspace:
    """What an organisation has in Brightspace; ``write`` makes its data sets."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in LAYOUTS})

    def user(self, number: int, name: str, defined_id: str = "", email: str = "") -> None:
        """Add a user."""
        self.rows["Users"].append(
            {
                "UserId": number,
                "UserName": name,
                "OrgDefinedId": defined_id,
                "ExternalEmail": email,
                "IsActive": True,
            }
        )

    def course(
        self,
        number: int,
        code: str,
        name: str = "",
        kind: str = "Course Offering",
        *,
        deleted: bool = False,
    ) -> None:
        """Add an org unit."""
        self.rows["OrganizationalUnits"].append(
            {
                "OrgUnitId": number,
                "Type": kind,
                "Code": code,
                "Name": name or code,
                "IsDeleted": deleted,
            }
        )

    def role(self, number: int, name: str, *, cascading: bool = False) -> None:
        """Add a role."""
        self.rows["RoleDetails"].append(
            {"RoleId": number, "RoleName": name, "IsCascading": cascading}
        )

    def log(self, course: int, user: int, role: int | str, action: str, time: str) -> None:
        """Add an event to the log of enrolments."""
        log = self.rows["EnrollmentsAndWithdrawals"]
        log.append(
            {
                "LogId": len(log) + 1,
                "UserId": user,
                "OrgUnitId": course,
                "RoleId": role,
                "Action": action,
                "EnrollmentDate": time,
            }
        )

    def enrolled(self, course: int, user: int, role: str, time: str) -> None:
        """Add a current enrolment."""
        self.rows["UserEnrollments"].append(
            {"OrgUnitId": course, "UserId": user, "RoleName": role, "EnrollmentDate": time}
        )

    def link(self, number: int, course: int, url: str) -> None:
        """Add an LTI link."""
        self.rows["LTILinks"].append({"LtiLinkId": number, "OrgUnitId": course, "Url": url})

    def launch(self, link: int | str, course: int) -> None:
        """Add a launch of an LTI link."""
        self.rows["LTILaunches"].append({"LTILinkId": link, "OrgUnitId": course})

    def write(
        self, folder: Path, names: Sequence[str] = tuple(LAYOUTS), *, packed: bool = True
    ) -> list[str]:
        """Write data sets into a folder, each as a ZIP file with one CSV; return the paths."""
        paths = []
        for name in names:
            body = as_csv(name, self.rows[name])
            path = folder / f"{name}{'.zip' if packed else '.csv'}"
            if packed:
                with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
                    opened.writestr(f"{name}.csv", body)
            else:
                path.write_bytes(body)
            paths.append(str(path))
        return paths


def as_csv(name: str, rows: Sequence[Row]) -> bytes:
    """Return a data set as D2L ships it: UTF-8 with a byte order mark, texts in quotation marks."""
    layout = LAYOUTS[name]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(layout)
    for row in rows:
        unknown = row.keys() - layout.keys()
        assert not unknown, unknown
        writer.writerow([row.get(column, _FILLED[kind]) for column, kind in layout.items()])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
