"""Teams: made, changed and deleted, with their rooms and members."""

from sdk import client, ids, refused, run

alice, bob = client("sim-alice"), client("sim-bob")


def from_beginning_to_end():
    team = alice.teams.create("Kitchen", description="Who cooks")
    assert team.name == "Kitchen" and team.creatorId == alice.people.me().id and team.created, team
    assert alice.teams.get(team.id).id == team.id
    assert alice.teams.update(team.id, name="Bakery").name == "Bakery"
    refused(404, "", bob.teams.get, team.id)
    more = [alice.teams.create(f"Team {number}") for number in range(4)]
    # By pages of two.
    assert sorted(ids(alice.teams.list(max=2))) == sorted([team.id, *ids(more)])
    assert ids(bob.teams.list()) == []
    for team in [team, *more]:
        alice.teams.delete(team.id)
    assert ids(alice.teams.list()) == []
    refused(404, "", alice.teams.get, team.id)


def members():
    team = alice.teams.create("Kitchen")
    own = list(alice.team_memberships.list(team.id))
    assert [member.personEmail for member in own] == ["alice@example.com"] and own[0].isModerator, own
    member = alice.team_memberships.create(team.id, personEmail="bob@example.com")
    assert (member.teamId, member.personEmail, member.isModerator) == (team.id, "bob@example.com", False), member
    refused(409, "", alice.team_memberships.create, team.id, personId=bob.people.me().id)
    assert alice.team_memberships.get(member.id).personId == bob.people.me().id
    assert len(list(alice.team_memberships.list(team.id, max=1))) == 2
    # Somebody must be there to look after it.
    refused(400, "", alice.team_memberships.delete, own[0].id)
    refused(403, "", bob.team_memberships.update, member.id, isModerator=True)
    assert alice.team_memberships.update(member.id, isModerator=True).isModerator
    bob.team_memberships.delete(own[0].id)
    refused(404, "", alice.teams.get, team.id)
    refused(400, "", bob.team_memberships.update, member.id, isModerator=False)


def rooms():
    team = alice.teams.create("Kitchen")
    alice.team_memberships.create(team.id, personEmail="bob@example.com")
    room = alice.rooms.create("Menu", teamId=team.id)
    assert room.teamId == team.id, room
    # Members see the team's rooms, and may join them.
    assert {found.title for found in bob.rooms.list(teamId=team.id)} == {"Kitchen", "Menu"}
    assert room.id not in ids(bob.rooms.list())
    assert bob.memberships.create(room.id, personId=bob.people.me().id).roomId == room.id
    assert room.id in ids(bob.rooms.list())
    assert room.id not in ids(alice.rooms.list(teamId=alice.teams.create("Other").id))
    # A team's room is not deleted but archived.
    alice.rooms.delete(room.id)
    assert alice.rooms.get(room.id).isReadOnly is True
    refused(403, "", alice.messages.create, roomId=room.id, text="too late")


run(from_beginning_to_end, members, rooms)
