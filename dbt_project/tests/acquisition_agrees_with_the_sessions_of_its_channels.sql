-- Sessions by day, country and channel are those of kpi_sessions_daily, row by row.
select
    coalesce(acquisition.event_date, sessions.event_date) as event_date,
    coalesce(acquisition.country_name, sessions.country_name) as country_name,
    coalesce(acquisition.channel, sessions.channel) as channel,
    acquisition.sessions,
    sessions.sessions as session_table
from {{ ref('kpi_acquisition_daily') }} as acquisition
full join {{ ref('kpi_sessions_daily') }} as sessions
    on
        acquisition.event_date = sessions.event_date
        and acquisition.country_name = sessions.country_name
        and acquisition.channel = sessions.channel
where
    (acquisition.sessions, acquisition.human_sessions) is distinct from (sessions.sessions, sessions.human_sessions)
    and {{ are_as_far('product_views', [ref('int_audience__daily'), ref('int_product_sessions__daily')]) }}
