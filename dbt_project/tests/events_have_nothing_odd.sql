{{ config(severity='warn') }}

-- What an event can cause is counted and only warned about; not_production hosts are no surprise.
select
    stream,
    issue,
    detail,
    events
from {{ ref('data_quality') }}
where issue <> 'not_production'
