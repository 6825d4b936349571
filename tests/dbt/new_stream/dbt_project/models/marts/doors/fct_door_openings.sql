select * from {{ ref('int_door_events') }}
