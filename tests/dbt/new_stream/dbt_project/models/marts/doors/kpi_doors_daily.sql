select
    {{ reporting_day('event_at') }} as event_date,
    {{ or_none('shop') }} as shop,
    count(*) as openings
from {{ ref('fct_door_openings') }}
group by 1, 2
